package org.espalier.format.gguf;

import static org.espalier.format.gguf.GgufInput.quoted;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.espalier.api.tensor.Tensor;

/** Reads the table of tensors and cuts the data after it into their bytes. */
final class TensorTable {
  /** Tensors of one file; the largest models with one tensor per expert have a fifth of it. */
  static final long MAX_TENSORS = 1 << 18;

  /** Bytes of an entry with an empty name and no dimensions. */
  static final int MIN_ENTRY_BYTES = 2 * Long.BYTES + 2 * Integer.BYTES;

  private final GgufInput input;
  private final int alignment;
  private final Map<String, Entry> entries = new LinkedHashMap<>();

  TensorTable(GgufInput input, int alignment) {
    this.input = input;
    this.alignment = alignment;
  }

  /**
   * One line of the table.
   *
   * @param place byte of the file where the line begins
   * @param shape outermost first
   * @param offset byte of the data part where the tensor begins
   */
  private record Entry(long place, String name, List<Long> shape, int code, long offset) {}

  /** Reads that many entries and slices {@code file}, the whole file, from the aligned end on. */
  Map<String, Tensor> read(long count, MemorySegment file) {
    for (long i = 0; i < count; i++) {
      Entry entry = entry();
      if (entries.put(entry.name, entry) != null) {
        throw input.malformed(
            entry.place, "tensor " + quoted(entry.name) + " is in the table twice");
      }
    }
    return entries.isEmpty() ? Map.of() : slice(file);
  }

  private Entry entry() {
    long place = input.position();
    String name = input.name("the name of a tensor", TensorShape.MAX_NAME_BYTES);
    String what = "the table entry of tensor " + quoted(name);
    int dimensions = input.int32(what);
    if (dimensions < 0 || dimensions > TensorShape.MAX_DIMENSIONS) {
      throw input.malformed(
          place,
          "tensor %s has %s dimensions, more than the %d allowed"
              .formatted(
                  quoted(name), Integer.toUnsignedString(dimensions), TensorShape.MAX_DIMENSIONS));
    }
    List<Long> shape = new ArrayList<>(dimensions);
    for (int i = 0; i < dimensions; i++) {
      // The file has the innermost dimension first.
      shape.addFirst(input.int64(what));
    }
    if (!TensorShape.isValid(shape)) {
      throw input.malformed(
          place,
          "tensor %s has the impossible shape %s"
              .formatted(quoted(name), shape.stream().map(Long::toUnsignedString).toList()));
    }
    int code = input.int32(what);
    long offset = input.int64(what);
    return new Entry(place, name, shape, code, offset);
  }

  private Map<String, Tensor> slice(MemorySegment file) {
    long start = Alignment.up(input.position(), alignment);
    long dataBytes = Math.max(0, file.byteSize() - start);
    List<Entry> byOffset = new ArrayList<>(entries.values());
    byOffset.forEach(entry -> checkOffset(entry, dataBytes));
    byOffset.sort(Comparator.comparingLong(Entry::offset));
    Map<String, Long> ends = new LinkedHashMap<>();
    for (int i = 0; i < byOffset.size(); i++) {
      Optional<Entry> next =
          i + 1 < byOffset.size() ? Optional.of(byOffset.get(i + 1)) : Optional.empty();
      ends.put(byOffset.get(i).name, end(byOffset.get(i), next, dataBytes));
    }
    Map<String, Tensor> tensors = new LinkedHashMap<>();
    for (Entry entry : entries.values()) {
      MemorySegment bytes = file.asSlice(start + entry.offset, ends.get(entry.name) - entry.offset);
      tensors.put(
          entry.name, new Tensor(entry.name, GgmlType.storage(entry.code), entry.shape, bytes));
    }
    return tensors;
  }

  private void checkOffset(Entry entry, long dataBytes) {
    if (entry.offset < 0 || entry.offset >= dataBytes) {
      throw input.malformed(
          entry.place,
          "tensor %s begins at byte %s of the data, which has only %d"
              .formatted(quoted(entry.name), Long.toUnsignedString(entry.offset), dataBytes));
    }
    if (entry.offset % alignment != 0) {
      throw input.malformed(
          entry.place,
          "tensor %s begins at byte %d of the data, which is no multiple of the alignment %d"
              .formatted(quoted(entry.name), entry.offset, alignment));
    }
  }

  /** Where the bytes of an entry end; those of a type of unknown size go up to the next tensor. */
  private long end(Entry entry, Optional<Entry> next, long dataBytes) {
    long limit = next.map(Entry::offset).orElse(dataBytes);
    long available = limit - entry.offset;
    long needed = GgmlType.of(entry.code).map(type -> bytes(entry, type)).orElse(available);
    if (available == 0 || needed > available) {
      throw input.malformed(
          entry.place,
          "tensor %s needs %s bytes, but after %d %s"
              .formatted(
                  quoted(entry.name),
                  needed == 0 ? "some" : needed,
                  available,
                  next.map(other -> "tensor " + quoted(other.name) + " begins")
                      .orElse("the file ends")));
    }
    return entry.offset + needed;
  }

  private long bytes(Entry entry, GgmlType type) {
    if (TensorShape.rowElements(entry.shape) % type.blockElements() != 0) {
      throw input.malformed(
          entry.place,
          "tensor %s of type %s has rows of %d elements, which is no multiple of its block of %d"
              .formatted(
                  quoted(entry.name),
                  type,
                  TensorShape.rowElements(entry.shape),
                  type.blockElements()));
    }
    return type.bytes(TensorShape.elements(entry.shape));
  }
}
