"""PPO-Lagrangian: steps, runs, what replies are worth, what is watched."""
