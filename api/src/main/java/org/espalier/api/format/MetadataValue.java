package org.espalier.api.format;

import java.util.List;

/** A value of a model file's metadata, with the type it has in the file. */
public sealed interface MetadataValue {

  /** Widths of whole numbers. */
  enum WholeType {
    /** Unsigned, 8 bits. */
    UINT8,
    /** Signed, 8 bits. */
    INT8,
    /** Unsigned, 16 bits. */
    UINT16,
    /** Signed, 16 bits. */
    INT16,
    /** Unsigned, 32 bits. */
    UINT32,
    /** Signed, 32 bits. */
    INT32,
    /** Unsigned, 64 bits; values above 2⁶³ − 1 appear negative. */
    UINT64,
    /** Signed, 64 bits. */
    INT64
  }

  /** Widths of real numbers. */
  enum RealType {
    /** IEEE binary32. */
    FLOAT32,
    /** IEEE binary64. */
    FLOAT64
  }

  /** Text. */
  record Text(String value) implements MetadataValue {}

  /** A whole number. */
  record Whole(WholeType type, long value) implements MetadataValue {}

  /** A real number. */
  record Real(RealType type, double value) implements MetadataValue {}

  /** True or false. */
  record Flag(boolean value) implements MetadataValue {}

  /** Many texts. */
  record Texts(List<String> values) implements MetadataValue {
    public Texts {
      values = List.copyOf(values);
    }
  }

  /** Many whole numbers of one type. */
  record Wholes(WholeType type, List<Long> values) implements MetadataValue {
    public Wholes {
      values = List.copyOf(values);
    }
  }

  /** Many real numbers of one type. */
  record Reals(RealType type, List<Double> values) implements MetadataValue {
    public Reals {
      values = List.copyOf(values);
    }
  }

  /** Many truth values. */
  record Flags(List<Boolean> values) implements MetadataValue {
    public Flags {
      values = List.copyOf(values);
    }
  }

  /** Arrays of arrays. */
  record Nested(List<MetadataValue> values) implements MetadataValue {
    public Nested {
      values = List.copyOf(values);
    }
  }
}
