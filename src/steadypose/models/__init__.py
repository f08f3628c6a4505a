"""The published networks, one file each: a configuration, the modules, shapes where they change. Needs torch."""
