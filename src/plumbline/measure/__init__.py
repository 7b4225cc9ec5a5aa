"""Pure statistics on arrays: agreement, intervals, calibration, ranking quality, Bradley–Terry."""
