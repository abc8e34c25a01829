"""Random valid flows, each made from a number, run under Metaflow and through us, and compared."""
