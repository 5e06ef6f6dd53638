"""The queue of the site ``local``: this machine, one job after the other, and no daemon.

``python -m hpctrain.schedulers.local_queue FOLDER submit|list|cancel``. Every job is a folder
``FOLDER/ID`` with ``job.json`` (what was asked, and which process looks after it),
``running.json``, ``stopping.json``, ``ended.json`` (what happened) and ``cancel`` (what somebody
wants). A detached supervisor per job waits for its turn, runs the script and writes down how it
ended.
"""
