"""Twilio's Messaging API, which several channels ride on: settings, webhooks, calls."""
