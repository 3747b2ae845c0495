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

  /** Bytes of the whole key–value part. */
  static final long MAX_BYTES = 128 << 20;

  /** Bytes of a key. */
  static final int MAX_KEY_BYTES = 65_535;

  /** Arrays within arrays. */
  static final int MAX_DEPTH = 8;

  private static final String SPLIT_COUNT = "split.count";
  private static final int MIN_ENTRY_BYTES = Long.BYTES + Integer.BYTES + 1;

  private final GgufInput input;
  private final long limit;
  private final Map<String, MetadataValue> entries = new LinkedHashMap<>();
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

  static int minimumEntryBytes() {
    return MIN_ENTRY_BYTES;
  }

  private void entry() {
    long place = input.position();
    String key = input.name("a metadata key", MAX_KEY_BYTES);
    String what = "the value of metadata key " + quoted(key);
    if (entries.containsKey(key)) {
      throw input.malformed(place, "metadata key " + quoted(key) + " is there twice");
    }
    long valuePlace = input.position();
    MetadataValue value = value(type(what), what, 0);
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

  private ValueType type(String what) {
    long place = input.position();
    int code = input.int32(what);
    return ValueType.of(code)
        .orElseThrow(() ->
            input.malformed(
                place, what + " is of the unknown type " + Integer.toUnsignedString(code)));
  }

  private MetadataValue value(ValueType type, String what, int depth) {
    if (type != ValueType.ARRAY) {
      spend(1, what);
    }
    return switch (type) {
      case UINT8 -> new Whole(WholeType.UINT8, uint8(what));
      case INT8 -> new Whole(WholeType.INT8, input.int8(what));
      case UINT16 -> new Whole(WholeType.UINT16, uint16(what));
      case INT16 -> new Whole(WholeType.INT16, input.int16(what));
      case UINT32 -> new Whole(WholeType.UINT32, uint32(what));
      case INT32 -> new Whole(WholeType.INT32, input.int32(what));
      case UINT64 -> new Whole(WholeType.UINT64, input.int64(what));
      case INT64 -> new Whole(WholeType.INT64, input.int64(what));
      case FLOAT32 -> new Real(RealType.FLOAT32, float32(what));
      case FLOAT64 -> new Real(RealType.FLOAT64, float64(what));
      case BOOL -> new Flag(bool(what));
      case STRING -> new Text(input.text(what, MAX_BYTES));
      case ARRAY -> array(what, depth + 1);
    };
  }

  private MetadataValue array(String what, int depth) {
    if (depth > MAX_DEPTH) {
      throw input.malformed(
          input.position(), "%s nests arrays more than %d deep".formatted(what, MAX_DEPTH));
    }
    ValueType type = type(what);
    long place = input.position();
    long count = input.count("entries of " + what, type.minimumBytes());
    // An array in an array counts itself, or a file of empty ones would be free.
    spend(count + 1, what);
    int size = (int) count;
    return switch (type) {
      case UINT8 -> new Wholes(WholeType.UINT8, list(size, () -> bytes[uint8(what)]));
      case INT8 -> new Wholes(WholeType.INT8, list(size, () -> (long) input.int8(what)));
      case UINT16 -> new Wholes(WholeType.UINT16, list(size, () -> (long) uint16(what)));
      case INT16 -> new Wholes(WholeType.INT16, list(size, () -> (long) input.int16(what)));
      case UINT32 -> new Wholes(WholeType.UINT32, list(size, () -> uint32(what)));
      case INT32 -> new Wholes(WholeType.INT32, list(size, () -> (long) input.int32(what)));
      case UINT64 -> new Wholes(WholeType.UINT64, list(size, () -> input.int64(what)));
      case INT64 -> new Wholes(WholeType.INT64, list(size, () -> input.int64(what)));
      case FLOAT32 -> new Reals(RealType.FLOAT32, list(size, () -> (double) float32(what)));
      case FLOAT64 -> new Reals(RealType.FLOAT64, list(size, () -> float64(what)));
      case BOOL -> new Flags(list(size, () -> bool(what)));
      case STRING -> new Texts(list(size, () -> token(place, what)));
      case ARRAY -> new Nested(list(size, () -> array(what, depth + 1)));
    };
  }

  private String token(long arrayPlace, String what) {
    if (input.position() > limit) {
      throw input.malformed(
          arrayPlace, "%s is larger than the %d bytes allowed".formatted(what, MAX_BYTES));
    }
    return input.text(what, MAX_BYTES);
  }

  private static <T> List<T> list(int size, Supplier<T> next) {
    @SuppressWarnings("unchecked")
    T[] array = (T[]) new Object[size];
    for (int i = 0; i < size; i++) {
      array[i] = next.get();
    }
    return List.of(array);
  }

  private void spend(long count, String what) {
    values += count;
    if (values > MAX_VALUES) {
      throw input.malformed(
          input.position(),
          "with %s the metadata has more than the %d values allowed".formatted(what, MAX_VALUES));
    }
  }

  private int uint8(String what) {
    return Byte.toUnsignedInt(input.int8(what));
  }

  private int uint16(String what) {
    return Short.toUnsignedInt(input.int16(what));
  }

  private long uint32(String what) {
    return Integer.toUnsignedLong(input.int32(what));
  }

  private float float32(String what) {
    return Float.intBitsToFloat(input.int32(what));
  }

  private double float64(String what) {
    return Double.longBitsToDouble(input.int64(what));
  }

  private boolean bool(String what) {
    long place = input.position();
    return switch (input.int8(what)) {
      case 0 -> false;
      case 1 -> true;
      default -> throw input.malformed(place, what + " is neither true (1) nor false (0)");
    };
  }
}
