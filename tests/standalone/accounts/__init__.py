"""Sign-ins: accounts, links, sessions, passwords, mails, the second step.

`visitors` are the browsers of people who sign up and sign in.
"""
