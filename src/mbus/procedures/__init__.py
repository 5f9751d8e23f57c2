"""Conversations with meters as generators that yield requests and take answers."""
