"""Where rows come from: a registry's API, a folder of its pages, a plain attendance file. Bytes in, rows out."""
