"""Frozen values of the domain; imports nothing of ours."""
