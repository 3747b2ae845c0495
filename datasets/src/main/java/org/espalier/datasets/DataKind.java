package org.espalier.datasets;

/** What a file of data consists of. */
public enum DataKind {
  /** One text. */
  TEXT,
  /** One JSON object per line. */
  JSONL,
  /** A table in Apache Parquet. */
  PARQUET
}
