package org.espalier.datasets;

import java.io.BufferedInputStream;
import java.io.FileInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.DigestInputStream;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.Locale;
import java.util.function.Consumer;
import java.util.zip.GZIPInputStream;
import java.util.zip.ZipException;
import org.espalier.api.EspalierException.DeviceFailure;
import org.espalier.api.EspalierException.InvalidRequest;
import org.espalier.api.EspalierException.MalformedData;

/** A file of data. Texts and lines may be compressed with gzip. */
public final class DataFile {
  /** What can be read into one text. */
  private static final int MOST_TEXT_BYTES = 1 << 28;

  private static final byte[] PARQUET_MAGIC = {'P', 'A', 'R', '1'};
  private static final byte[] GZIP_MAGIC = {0x1F, (byte) 0x8B};

  private final Path path;
  private final DataKind kind;
  private final boolean compressed;
  private final String sha256;

  private DataFile(Path path, DataKind kind, boolean compressed, String sha256) {
    this.path = path;
    this.kind = kind;
    this.compressed = compressed;
    this.sha256 = sha256;
  }

  /**
   * Looks at a file: Parquet is known by its first bytes, lines of JSON by the ending {@code
   * .jsonl} or {@code .json}, and all else is text.
   *
   * @throws InvalidRequest when there is no such file
   * @throws DeviceFailure when it cannot be read
   */
  public static DataFile open(Path path) {
    if (!Files.exists(path)) {
      throw new InvalidRequest("there is no file " + path);
    }
    if (Files.isDirectory(path)) {
      throw new InvalidRequest(path + " is a folder: name the file in it");
    }
    try {
      byte[] head = new byte[4];
      MessageDigest digest = newDigest();
      try (InputStream in = new DigestInputStream(new FileInputStream(path.toFile()), digest)) {
        int count = in.readNBytes(head, 0, head.length);
        in.transferTo(java.io.OutputStream.nullOutputStream());
        head = Arrays.copyOf(head, count);
      }
      String hash = HexFormat.of().formatHex(digest.digest());
      if (Arrays.equals(head, PARQUET_MAGIC)) {
        return new DataFile(path, DataKind.PARQUET, false, hash);
      }
      boolean gzip = head.length >= 2 && Arrays.equals(Arrays.copyOf(head, 2), GZIP_MAGIC);
      return new DataFile(path, kindByName(path), gzip, hash);
    } catch (IOException e) {
      throw unreadable(path, e);
    }
  }

  private static DataKind kindByName(Path path) {
    String name = path.getFileName().toString().toLowerCase(Locale.ROOT);
    return name.matches(".*\\.(jsonl|json|ndjson)(\\.gz)?") ? DataKind.JSONL : DataKind.TEXT;
  }

  /** Where it is. */
  public Path path() {
    return path;
  }

  /** What it consists of. */
  public DataKind kind() {
    return kind;
  }

  /** SHA-256 of its bytes, as lower-case hex. */
  public String sha256() {
    return sha256;
  }

  /**
   * All of it as one text.
   *
   * @param notices receives a sentence when the text is not UTF-8 throughout
   * @throws InvalidRequest when it is too large
   */
  public String text(Consumer<String> notices) {
    byte[] bytes = read(MOST_TEXT_BYTES);
    return Utf8.decode(bytes)
        .orElseGet(() -> {
          notices.accept(path + " is not UTF-8 throughout; what is not is read as U+FFFD");
          return new String(bytes, java.nio.charset.StandardCharsets.UTF_8);
        });
  }

  private byte[] read(int most) {
    try (InputStream in = stream()) {
      byte[] bytes = in.readNBytes(most);
      if (in.read() >= 0) {
        throw new InvalidRequest(
            "%s holds more than %d MiB of text: cut it into parts".formatted(path, most >> 20));
      }
      return bytes;
    } catch (IOException e) {
      throw unreadable(path, e);
    }
  }

  /**
   * Its rows in order: of a table, or of lines of JSON, which is what any other file is taken for.
   *
   * @throws MalformedData when a row is broken; the sentence names file and line
   */
  public void rows(RowVisitor visitor) {
    if (kind == DataKind.PARQUET) {
      ParquetRows.read(path, visitor);
      return;
    }
    try (InputStream in = stream()) {
      JsonLines.read(path, in, visitor);
    } catch (IOException e) {
      throw unreadable(path, e);
    }
  }

  /** Its lines as they are, without their ends; for files of labels. */
  public java.util.List<String> lines(Consumer<String> notices) {
    return text(notices).lines().toList();
  }

  private InputStream stream() throws IOException {
    InputStream in = new BufferedInputStream(new FileInputStream(path.toFile()), 1 << 16);
    if (!compressed) {
      return in;
    }
    try {
      return new BufferedInputStream(new GZIPInputStream(in, 1 << 16), 1 << 16);
    } catch (IOException e) {
      in.close();
      throw e;
    }
  }

  private static RuntimeException unreadable(Path path, IOException e) {
    return e instanceof ZipException || e instanceof java.io.EOFException
        ? new MalformedData(
            "%s: its compressed data are damaged (%s)".formatted(path, e.getMessage()), e)
        : new DeviceFailure("%s cannot be read (%s)".formatted(path, e.getMessage()), e);
  }

  private static MessageDigest newDigest() {
    try {
      return MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every Java platform has SHA-256", e);
    }
  }
}
