"""What runs beside labelling: trainings, models, reports, the queue, archives."""
