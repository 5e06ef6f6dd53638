"""Practice clusters: file-backed stand-ins for PBS and Slurm, for learning hpctrain and for tests.

``python -m hpctrain.schedulers.practice_cluster FOLDER qsub …``. The whole cluster is in FOLDER.
Its jobs really run, on this machine, each looked after as on the site ``local``; what is imitated
is how PBS and Slurm are asked, and how they answer. There is no daemon, and nothing waits for a
fixed time. Tests hold what they answer to what the real ones answered.

``FOLDER/bin`` holds the programs under their own names: with it on the PATH, they can be tried by
hand. As long as there is a file ``FOLDER/down``, the server is unreachable.
"""
