"""The archive: readings of whole months as Parquet, in a folder or in S3, readable by DuckDB, Spark and anything else.

===============  ==========================================================================================
errors.py        what goes wrong
schema.py        columns of the files, and where the files are
arrays.py        what telegrams say as columns, and back
rows.py          readings as columns, and back
files.py         files of bounded size, their size and digest
places.py        a folder, or a bucket of S3
manifest.py      what a month has; a month without a manifest is not there
months.py        months
writing.py       a month written from the store, and what came later
checking.py      files against manifests, the archive against the store
restoring.py     a month put back into a store
settings.py      settings
opening.py       the archive that the settings name
archivist.py     all of it, for `serve` and the command
redecode.py      values made again from the raw telegrams of a file
spark_job.py     the same by Spark, for a whole archive
===============  ==========================================================================================

The columns stand in docs/archive.md. Here nothing is imported: pyarrow is big, and may not be installed (extra ``parquet``).
"""
