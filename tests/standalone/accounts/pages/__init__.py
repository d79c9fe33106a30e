"""The pages of sign-ins."""
