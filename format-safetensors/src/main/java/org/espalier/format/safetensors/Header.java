package org.espalier.format.safetensors;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import org.espalier.api.EspalierException.MalformedModel;
import org.espalier.api.EspalierException.Unsupported;
import org.espalier.api.tensor.Tensor;

/**
 * The header of a safetensors file: eight bytes with the length of a JSON object, the object, which
 * names the tensors and where their bytes lie, then these bytes without a gap.
 */
final class Header {
  private static final ValueLayout.OfLong LONG =
      ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final int LENGTH_BYTES = Long.BYTES;

  /** What {@link #begins} needs of a file. */
  static final int START_BYTES = LENGTH_BYTES + 1;

  private static final String NOTES = "__metadata__";

  private final Path path;
  private final MemorySegment data;

  private Header(Path path, MemorySegment data) {
    this.path = path;
    this.data = data;
  }

  /** Whether a file looks as if it were of this kind: a sensible length and an opening brace. */
  static boolean begins(MemorySegment file) {
    return file.byteSize() >= START_BYTES
        && file.get(LONG, 0) > 0
        && file.get(LONG, 0) <= JsonObject.MAXIMUM_BYTES
        && file.get(ValueLayout.JAVA_BYTE, LENGTH_BYTES) == '{';
  }

  /**
   * The tensors of a file, in the order of their bytes.
   *
   * @throws MalformedModel when the header and the file do not fit together
   */
  static List<Tensor> tensors(Path path, MemorySegment file) {
    if (file.byteSize() < LENGTH_BYTES) {
      throw malformed(path, "it has only %d bytes".formatted(file.byteSize()));
    }
    long length = file.get(LONG, 0);
    if (length < 0 || length > file.byteSize() - LENGTH_BYTES) {
      throw malformed(
          path,
          "its header is said to have %s bytes, but only %d follow"
              .formatted(Long.toUnsignedString(length), file.byteSize() - LENGTH_BYTES));
    }
    if (length > JsonObject.MAXIMUM_BYTES) {
      throw malformed(
          path,
          "its header has %d bytes, more than the %d allowed"
              .formatted(length, JsonObject.MAXIMUM_BYTES));
    }
    if (!begins(file)) {
      throw malformed(path, "its header does not begin with a brace");
    }
    byte[] document = file.asSlice(LENGTH_BYTES, length).toArray(ValueLayout.JAVA_BYTE);
    JsonObject header = JsonObject.parse("the header of '" + path + "'", document);
    return new Header(path, file.asSlice(LENGTH_BYTES + length)).tensors(header);
  }

  private List<Tensor> tensors(JsonObject header) {
    List<Entry> entries = new ArrayList<>();
    for (String name : header.members().keySet()) {
      if (!name.equals(NOTES)) {
        entries.add(entry(name, header.object(name)));
      }
    }
    entries.sort(Comparator.comparingLong(Entry::begin));
    long end = 0;
    for (Entry entry : entries) {
      requireNext(entry, end);
      end = entry.end();
    }
    if (end != data.byteSize()) {
      throw malformed(
          path, "its tensors take %d bytes, but it holds %d".formatted(end, data.byteSize()));
    }
    return entries.stream().map(this::tensor).toList();
  }

  /** The format wants every byte to belong to exactly one tensor. */
  private void requireNext(Entry entry, long end) {
    if (entry.end() > data.byteSize()) {
      throw malformed(
          path,
          "tensor '%s' lies at bytes %d to %d of the data, of which there are only %d"
              .formatted(Quote.of(entry.name()), entry.begin(), entry.end(), data.byteSize()));
    }
    if (entry.begin() != end) {
      throw malformed(
          path,
          "tensor '%s' begins at byte %d of the data, but the one before it ends at byte %d"
              .formatted(Quote.of(entry.name()), entry.begin(), end));
    }
  }

  private Entry entry(String name, JsonObject json) {
    String type =
        json.text("dtype").orElseThrow(() -> malformed(path, quoted(name) + " has no dtype"));
    List<Long> shape = wholes(name, json, "shape");
    List<Long> offsets = wholes(name, json, "data_offsets");
    if (offsets.size() != 2 || offsets.get(0) > offsets.get(1)) {
      throw malformed(path, quoted(name) + " has no sensible data_offsets");
    }
    Entry entry = new Entry(name, type, shape, offsets.get(0), offsets.get(1));
    requireSize(entry);
    return entry;
  }

  private List<Long> wholes(String name, JsonObject json, String member) {
    List<?> list =
        json.list(member)
            .orElseThrow(() -> malformed(path, "%s has no %s".formatted(quoted(name), member)));
    List<Long> wholes = new ArrayList<>(list.size());
    for (Object value : list) {
      boolean whole = value instanceof Integer || value instanceof Long;
      if (!whole || ((Number) value).longValue() < 0) {
        throw malformed(
            path, "%s has %s in its %s".formatted(quoted(name), Quote.of(value + ""), member));
      }
      wholes.add(((Number) value).longValue());
    }
    return wholes;
  }

  private void requireSize(Entry entry) {
    Optional<DataType> type = DataType.named(entry.type());
    if (type.isEmpty()) {
      return; // whoever knows the type must check it
    }
    OptionalLong size = size(entry.shape(), type.get().bits());
    if (size.isEmpty() || size.getAsLong() != entry.end() - entry.begin()) {
      throw malformed(
          path,
          "tensor '%s' of type %s and shape %s has %d bytes"
              .formatted(
                  Quote.of(entry.name()),
                  entry.type(),
                  entry.shape(),
                  entry.end() - entry.begin()));
    }
    if (size.getAsLong() == 0) {
      throw new Unsupported(
          "tensor '%s' in '%s' is empty: its shape is %s"
              .formatted(Quote.of(entry.name()), path, entry.shape()));
    }
  }

  /** Bytes, where they are whole and a number can hold them. */
  private static OptionalLong size(List<Long> shape, int bits) {
    try {
      long total = bits;
      for (long dimension : shape) {
        total = Math.multiplyExact(total, dimension);
      }
      return total % Byte.SIZE == 0 ? OptionalLong.of(total / Byte.SIZE) : OptionalLong.empty();
    } catch (ArithmeticException e) {
      return OptionalLong.empty();
    }
  }

  private Tensor tensor(Entry entry) {
    return new Tensor(
        entry.name(),
        DataType.storage(entry.type()),
        entry.shape(),
        data.asSlice(entry.begin(), entry.end() - entry.begin()));
  }

  private static String quoted(String name) {
    return "tensor '" + Quote.of(name) + "'";
  }

  private static MalformedModel malformed(Path path, String what) {
    return new MalformedModel(
        "'%s' is damaged or incomplete: %s; get a fresh copy of the file".formatted(path, what));
  }

  /**
   * A tensor as the header describes it.
   *
   * @param begin first byte of its data, counted from the end of the header
   * @param end byte after the last
   */
  private record Entry(String name, String type, List<Long> shape, long begin, long end) {}
}
