"""Policies trained by TRL, with our rewards and our Lagrangian."""
