"""The record of truth: one package for each engine."""
