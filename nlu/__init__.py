"""Reading: language, intent, stage, entities and mood of a message. All of spaCy is here."""
