'sbatch' '--parsable' '--gres=fpga:1' 'ok.sh'
