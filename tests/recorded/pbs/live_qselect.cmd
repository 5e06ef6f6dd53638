qselect -x -u alice
