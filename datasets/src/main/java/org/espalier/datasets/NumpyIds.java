package org.espalier.datasets;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.espalier.api.EspalierException.DeviceFailure;
import org.espalier.api.EspalierException.InvalidRequest;
import org.espalier.api.EspalierException.MalformedData;

/**
 * Token ids in a file of NumPy's format: one or two dimensions of whole numbers of 16, 32 or 64
 * bits, little-endian, in C order.
 *
 * @param ids all of them
 * @param rowLength of the second dimension; 0 where there is one
 */
record NumpyIds(int[] ids, int rowLength) {
  private static final byte[] MAGIC = {(byte) 0x93, 'N', 'U', 'M', 'P', 'Y'};
  private static final long MOST_BYTES = 1L << 30;
  private static final Pattern TYPE = Pattern.compile("'descr'\\s*:\\s*'([<|=]?[iu][248])'");
  private static final Pattern C_ORDER = Pattern.compile("'fortran_order'\\s*:\\s*False");
  private static final Pattern SHAPE =
      Pattern.compile("'shape'\\s*:\\s*\\(\\s*(\\d{1,9})\\s*,\\s*(?:(\\d{1,9})\\s*,?\\s*)?\\)");

  static boolean isNumpy(Path path) {
    return path.getFileName().toString().toLowerCase(Locale.ROOT).endsWith(".npy");
  }

  static NumpyIds read(Path path) {
    try {
      if (Files.size(path) > MOST_BYTES) {
        throw new InvalidRequest("%s is too large: a gibibyte of ids is enough".formatted(path));
      }
      return parse(path, ByteBuffer.wrap(Files.readAllBytes(path)).order(ByteOrder.LITTLE_ENDIAN));
    } catch (IOException e) {
      throw new DeviceFailure("%s cannot be read (%s)".formatted(path, e.getMessage()), e);
    }
  }

  private static NumpyIds parse(Path path, ByteBuffer file) {
    byte[] magic = new byte[MAGIC.length];
    if (file.remaining() < 12) {
      throw new MalformedData(path + " is no file of NumPy's format: it is too short");
    }
    file.get(magic);
    int version = file.get();
    file.get();
    if (!Arrays.equals(magic, MAGIC) || version < 1 || version > 3) {
      throw new MalformedData(path + " is no file of NumPy's format");
    }
    long headerLength = version == 1 ? file.getShort() & 0xffff : file.getInt() & 0xffffffffL;
    if (headerLength > file.remaining()) {
      throw new MalformedData(path + " ends within its header");
    }
    byte[] header = new byte[(int) headerLength];
    file.get(header);
    return numbers(path, new String(header, StandardCharsets.ISO_8859_1), file);
  }

  private static NumpyIds numbers(Path path, String header, ByteBuffer data) {
    Matcher type = TYPE.matcher(header);
    Matcher shape = SHAPE.matcher(header);
    if (!type.find() || !shape.find() || !C_ORDER.matcher(header).find()) {
      throw new MalformedData(
          "%s should hold whole numbers of 16, 32 or 64 bits, little-endian, in C order, of one or two dimensions"
              .formatted(path));
    }
    long first = Long.parseLong(shape.group(1));
    int second = shape.group(2) == null ? 0 : Integer.parseInt(shape.group(2));
    boolean matrix = shape.group(2) != null;
    char width = type.group(1).charAt(type.group(1).length() - 1);
    boolean unsigned = type.group(1).contains("u");
    long count = matrix ? first * second : first;
    if (count * (width - '0') != data.remaining() || matrix && second == 0) {
      throw new MalformedData(
          "%s says that it has %d ids, which do not take its %d bytes"
              .formatted(path, count, data.remaining()));
    }
    int[] ids = new int[(int) count];
    for (int i = 0; i < ids.length; i++) {
      long id =
          switch (width) {
            case '2' -> unsigned ? data.getShort() & 0xffff : data.getShort();
            case '4' -> unsigned ? data.getInt() & 0xffffffffL : data.getInt();
            default -> data.getLong();
          };
      if (id < 0 || id > Integer.MAX_VALUE) {
        throw new MalformedData("%s: id %d at place %d is no token".formatted(path, id, i));
      }
      ids[i] = (int) id;
    }
    return new NumpyIds(ids, matrix ? second : 0);
  }

  /** The first sequences of a length. */
  List<int[]> sequences(int most, int length, Path path) {
    if (rowLength > 0 && rowLength < length) {
      throw new InvalidRequest(
          "the sequences in %s have %d tokens: choose a --length up to that, not %d"
              .formatted(path, rowLength, length));
    }
    int stride = rowLength > 0 ? rowLength : length;
    List<int[]> found = new ArrayList<>();
    for (int i = 0; i < most && (long) (i + 1) * stride <= ids.length; i++) {
      found.add(Arrays.copyOfRange(ids, i * stride, i * stride + length));
    }
    return found;
  }
}
