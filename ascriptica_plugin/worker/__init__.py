"""The worker process: the bell, the job that the bell queues, and the tasks that the worker repeats.

The only package that imports rq and redis. It knows nothing of pages.
"""
