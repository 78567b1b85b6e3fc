"""What Messenger and Instagram share: the items of their webhooks and the Send API."""
