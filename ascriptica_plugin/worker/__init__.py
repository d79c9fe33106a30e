"""The worker process: the bell, the job that it rings for, and what is done again and again.

The only package that imports rq and redis. It knows no pages.
"""
