"""What the channels of Meta share: accounts, webhooks, calls of the Graph API and its errors."""
