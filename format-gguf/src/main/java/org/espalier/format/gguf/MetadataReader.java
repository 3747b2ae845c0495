package org.espalier.format.gguf;

import static org.espalier.format.gguf.GgufInput.quoted;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;
import org.espalier.api.EspalierException.Unsupported;
import org.espalier.api.format.Metadata;
import org.espalier.api.format.MetadataValue;
import org.espalier.api.format.MetadataValue.Flag;
import org.espalier.api.format.MetadataValue.Flags;
import org.espalier.api.format.MetadataValue.Nested;
import org.espalier.api.format.MetadataValue.Real;
import org.espalier.api.format.MetadataValue.RealType;
import org.espalier.api.format.MetadataValue.Reals;
import org.espalier.api.format.MetadataValue.Text;
import org.espalier.api.format.MetadataValue.Texts;
import org.espalier.api.format.MetadataValue.Whole;
import org.espalier.api.format.MetadataValue.WholeType;
import org.espalier.api.format.MetadataValue.Wholes;

/**
 * Reads the key–value part. Heap is spent only on values that are in the file, some tens of bytes
 * for each, and never for more than {@link #MAX_VALUES} of them.
 */
final class MetadataReader {
  /** Numbers, texts and truth values in all; the largest vocabularies need a third of it. */
  static final long MAX_VALUES = 1 << 22;

  /** Entries; models have fewer than a hundred. */
  static final long MAX_ENTRIES = 1 << 16;

  /** Values that an array counts for itself, or a file of empty ones would be free. */
  static final int ARRAY_VALUES = 4;

  /** Bytes of the whole key–value part. */
  static final long MAX_BYTES = 128 << 20;

  /** Bytes of a key. */
  static final int MAX_KEY_BYTES = 65_535;

  /** Arrays within arrays. */
  static final int MAX_DEPTH = 8;

  /** Bytes of an entry with an empty key and the smallest value. */
  static final int MIN_ENTRY_BYTES = Long.BYTES + Integer.BYTES + 1;

  private static final String SPLIT_COUNT = "split.count";

  private final GgufInput input;
  private final long limit;
  private final Map<String, MetadataValue> entries = new LinkedHashMap<>();
  // Boxed once: an array of bytes would otherwise take two dozen times its size.
  private final Long[] bytes = new Long[256];
  private long values;
  private int alignment = Alignment.DEFAULT;

  MetadataReader(GgufInput input) {
    this.input = input;
    this.limit = input.position() + MAX_BYTES;
    for (int i = 0; i < bytes.length; i++) {
      bytes[i] = (long) i;
    }
  }

  /** Reads that many entries. */
  Metadata read(long count) {
    for (long i = 0; i < count; i++) {
      entry();
    }
    return new Metadata(entries);
  }

  /** What the entries say of the places of tensors. */
  int alignment() {
    return alignment;
  }

  private void entry() {
    long place = input.position();
    input.reading("a metadata key");
    String key = input.name(MAX_KEY_BYTES);
    input.reading("the value of metadata key", key);
    if (entries.containsKey(key)) {
      throw input.malformed(place, "metadata key " + quoted(key) + " is there twice");
    }
    long valuePlace = input.position();
    MetadataValue value = value(type(), 0);
    if (input.position() > limit) {
      throw input.malformed(
          place, "the metadata is larger than the %d bytes allowed".formatted(MAX_BYTES));
    }
    switch (key) {
      case Alignment.KEY -> alignment = alignment(valuePlace, value);
      case SPLIT_COUNT -> refuseSplit(value);
      default -> {}
    }
    entries.put(key, value);
  }

  private int alignment(long place, MetadataValue value) {
    if (value instanceof Whole whole && Alignment.isValid(whole.value())) {
      return (int) whole.value();
    }
    throw input.malformed(place, "metadata key '%s' %s".formatted(Alignment.KEY, Alignment.RULE));
  }

  private void refuseSplit(MetadataValue value) {
    if (value instanceof Whole whole && whole.value() > 1) {
      throw split(input, whole.value());
    }
  }

  /** One part of a split file cannot be read alone. */
  static Unsupported split(GgufInput input, long parts) {
    return new Unsupported(
        ("'%s' is one of %d parts of a split GGUF, which is not supported: join them with"
                + " \"llama-gguf-split --merge FIRST_PART OUT.gguf\" and open the result")
            .formatted(input.path(), parts));
  }

  private ValueType type() {
    long place = input.position();
    int code = input.int32();
    return ValueType.of(code)
        .orElseThrow(() ->
            input.malformed(
                place,
                input.subject() + " is of the unknown type " + Integer.toUnsignedString(code)));
  }

  private MetadataValue value(ValueType type, int depth) {
    if (type != ValueType.ARRAY) {
      spend(1);
    }
    return switch (type) {
      case UINT8 -> new Whole(WholeType.UINT8, uint8());
      case INT8 -> new Whole(WholeType.INT8, input.int8());
      case UINT16 -> new Whole(WholeType.UINT16, uint16());
      case INT16 -> new Whole(WholeType.INT16, input.int16());
      case UINT32 -> new Whole(WholeType.UINT32, uint32());
      case INT32 -> new Whole(WholeType.INT32, input.int32());
      case UINT64 -> new Whole(WholeType.UINT64, input.int64());
      case INT64 -> new Whole(WholeType.INT64, input.int64());
      case FLOAT32 -> new Real(RealType.FLOAT32, float32());
      case FLOAT64 -> new Real(RealType.FLOAT64, float64());
      case BOOL -> new Flag(bool());
      case STRING -> new Text(text());
      case ARRAY -> array(depth + 1);
    };
  }

  private MetadataValue array(int depth) {
    if (depth > MAX_DEPTH) {
      throw input.malformed(
          input.position(),
          "%s nests arrays more than %d deep".formatted(input.subject(), MAX_DEPTH));
    }
    ValueType type = type();
    long count = input.count("entries", type.minimumBytes());
    spend(count + ARRAY_VALUES);
    int size = (int) count;
    return switch (type) {
      case UINT8 -> new Wholes(WholeType.UINT8, list(size, () -> bytes[uint8()]));
      case INT8 -> new Wholes(WholeType.INT8, list(size, () -> (long) input.int8()));
      case UINT16 -> new Wholes(WholeType.UINT16, list(size, () -> (long) uint16()));
      case INT16 -> new Wholes(WholeType.INT16, list(size, () -> (long) input.int16()));
      case UINT32 -> new Wholes(WholeType.UINT32, list(size, () -> uint32()));
      case INT32 -> new Wholes(WholeType.INT32, list(size, () -> (long) input.int32()));
      case UINT64 -> new Wholes(WholeType.UINT64, list(size, () -> input.int64()));
      case INT64 -> new Wholes(WholeType.INT64, list(size, () -> input.int64()));
      case FLOAT32 -> new Reals(RealType.FLOAT32, list(size, () -> (double) float32()));
      case FLOAT64 -> new Reals(RealType.FLOAT64, list(size, () -> float64()));
      case BOOL -> new Flags(list(size, () -> bool()));
      case STRING -> new Texts(list(size, this::text));
      case ARRAY -> new Nested(list(size, () -> array(depth + 1)));
    };
  }

  private String text() {
    return input.text(Math.max(0, limit - input.position()));
  }

  private static <T> List<T> list(int size, Supplier<T> next) {
    @SuppressWarnings("unchecked")
    T[] array = (T[]) new Object[size];
    for (int i = 0; i < size; i++) {
      array[i] = next.get();
    }
    return List.of(array);
  }

  private void spend(long count) {
    values += count;
    if (values > MAX_VALUES) {
      throw input.malformed(
          input.position(),
          "with %s the metadata has more than the %d values allowed"
              .formatted(input.subject(), MAX_VALUES));
    }
  }

  private int uint8() {
    return Byte.toUnsignedInt(input.int8());
  }

  private int uint16() {
    return Short.toUnsignedInt(input.int16());
  }

  private long uint32() {
    return Integer.toUnsignedLong(input.int32());
  }

  private float float32() {
    return Float.intBitsToFloat(input.int32());
  }

  private double float64() {
    return Double.longBitsToDouble(input.int64());
  }

  private boolean bool() {
    long place = input.position();
    return switch (input.int8()) {
      case 0 -> false;
      case 1 -> true;
      default ->
          throw input.malformed(place, input.subject() + " is neither true (1) nor false (0)");
    };
  }
}
