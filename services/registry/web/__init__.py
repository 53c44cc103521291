"""What other systems may send us: lesson results, reported absences, and hints that there is news."""
