package org.espalier.downloads;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.function.LongConsumer;

/**
 * What the bytes of a file must add up to.
 *
 * @param kind how it is computed
 * @param value in lower-case hexadecimal digits
 */
record Checksum(Kind kind, String value) {
  /** How the hub sums up a file. */
  enum Kind {
    /** Of the bytes: for large files. */
    SHA256("SHA-256", 64),
    /** As git names a blob, of its length and the bytes: for small files. */
    GIT("SHA-1", 40);

    private final String algorithm;
    private final int digits;

    Kind(String algorithm, int digits) {
      this.algorithm = algorithm;
      this.digits = digits;
    }
  }

  private static final int CHUNK = 1 << 20;

  Checksum {
    if (!isValid(kind, value)) {
      throw new IllegalArgumentException("no %s: %s".formatted(kind, value));
    }
  }

  static boolean isValid(Kind kind, String value) {
    return value.length() == kind.digits && value.matches("[0-9a-f]+");
  }

  /**
   * Whether a file has it.
   *
   * @param progress told the bytes read so far
   */
  boolean matches(Path file, LongConsumer progress) throws IOException {
    MessageDigest digest = digest();
    if (kind == Kind.GIT) {
      digest.update("blob %d\0".formatted(Files.size(file)).getBytes(StandardCharsets.US_ASCII));
    }
    byte[] chunk = new byte[CHUNK];
    long done = 0;
    try (InputStream in = Files.newInputStream(file)) {
      for (int read = in.read(chunk); read >= 0; read = in.read(chunk)) {
        digest.update(chunk, 0, read);
        done += read;
        progress.accept(done);
      }
    }
    return HexFormat.of().formatHex(digest.digest()).equals(value);
  }

  private MessageDigest digest() {
    try {
      return MessageDigest.getInstance(kind.algorithm);
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException(e); // every Java platform has both
    }
  }

  /** Enough of it to tell two apart in a file's name. */
  String abbreviated() {
    return value.substring(0, 12);
  }

  @Override
  public String toString() {
    return kind.algorithm + " " + value;
  }
}
