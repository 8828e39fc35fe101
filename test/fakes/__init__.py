"""Faulty peers: a next hop, scanning engines and an SMTP client that misbehave as told. Standard library only."""
