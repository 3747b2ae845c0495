package org.espalier.runtime.quantisation.calibration;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import org.espalier.api.EspalierException.DeviceFailure;
import org.espalier.api.tensor.ElementType;

/**
 * The residual stream between two layers, of all calibration sequences, on disk. A file appears
 * under its name when it is complete.
 *
 * <p>F16 halves the space where two files of F32 would take too much. Each row is then divided by a
 * power of two that keeps it in range; what is lost, 2⁻¹² of a value, is less than BF16 weights
 * lose.
 */
public final class ResidualRows {
  private final Path path;
  private final int rowsPerSequence;
  private final int width;
  private final ElementType type;

  /**
   * Names a file.
   *
   * @param type F32 or F16
   */
  public ResidualRows(Path path, int rowsPerSequence, int width, ElementType type) {
    this.path = path;
    this.rowsPerSequence = rowsPerSequence;
    this.width = width;
    this.type = type;
  }

  /** Bytes of a file. */
  public static long bytes(long rows, int width, ElementType type) {
    return rows * rowBytes(width, type);
  }

  private static int rowBytes(int width, ElementType type) {
    return type == ElementType.F32 ? width * Float.BYTES : Float.BYTES + width * Short.BYTES;
  }

  /** Whether the file is complete. */
  public boolean exists() {
    return Files.exists(path);
  }

  /** Removes the file. */
  public void delete() {
    try {
      Files.deleteIfExists(path);
    } catch (IOException e) {
      throw failed("removed", e);
    }
  }

  /** Opens it for reading. */
  public Reader read() {
    try {
      return new Reader(FileChannel.open(path, StandardOpenOption.READ));
    } catch (IOException e) {
      throw failed("read", e);
    }
  }

  /** Begins it anew. */
  public Writer write() {
    Path unfinished = path.resolveSibling(path.getFileName() + ".part");
    try {
      return new Writer(
          unfinished,
          FileChannel.open(
              unfinished,
              StandardOpenOption.CREATE,
              StandardOpenOption.TRUNCATE_EXISTING,
              StandardOpenOption.WRITE));
    } catch (IOException e) {
      throw failed("written", e);
    }
  }

  private DeviceFailure failed(String what, IOException e) {
    return new DeviceFailure(
        "the scratch file %s could not be %s (%s); finished work is kept"
            .formatted(path, what, e.getMessage()),
        e);
  }

  private ByteBuffer buffer() {
    return ByteBuffer.allocateDirect(Math.multiplyExact(rowsPerSequence, rowBytes(width, type)))
        .order(ByteOrder.LITTLE_ENDIAN);
  }

  /** Reads sequences. */
  public final class Reader implements AutoCloseable {
    private final FileChannel channel;
    private final ByteBuffer buffer = buffer();

    private Reader(FileChannel channel) {
      this.channel = channel;
    }

    /** All rows of one sequence, one after another. */
    public float[] sequence(int index) {
      buffer.clear();
      long at = (long) index * buffer.capacity();
      try {
        while (buffer.hasRemaining()) {
          if (channel.read(buffer, at + buffer.position()) < 0) {
            throw new IOException("it ends too early");
          }
        }
      } catch (IOException e) {
        throw failed("read", e);
      }
      buffer.flip();
      float[] rows = new float[rowsPerSequence * width];
      for (int row = 0; row < rowsPerSequence; row++) {
        get(rows, row * width);
      }
      return rows;
    }

    private void get(float[] rows, int at) {
      if (type == ElementType.F32) {
        for (int i = 0; i < width; i++) {
          rows[at + i] = buffer.getFloat();
        }
      } else {
        float scale = buffer.getFloat();
        for (int i = 0; i < width; i++) {
          rows[at + i] = scale * Float.float16ToFloat(buffer.getShort());
        }
      }
    }

    @Override
    public void close() {
      try {
        channel.close();
      } catch (IOException e) {
        throw failed("closed", e);
      }
    }
  }

  /** Appends sequences. */
  public final class Writer implements AutoCloseable {
    private final Path unfinished;
    private final FileChannel channel;
    private final ByteBuffer buffer = buffer();

    private Writer(Path unfinished, FileChannel channel) {
      this.unfinished = unfinished;
      this.channel = channel;
    }

    /** All rows of the next sequence. */
    public void append(float[] rows) {
      buffer.clear();
      for (int row = 0; row < rowsPerSequence; row++) {
        put(rows, row * width);
      }
      buffer.flip();
      try {
        while (buffer.hasRemaining()) {
          channel.write(buffer);
        }
      } catch (IOException e) {
        throw failed("written", e);
      }
    }

    private void put(float[] rows, int at) {
      if (type == ElementType.F32) {
        for (int i = 0; i < width; i++) {
          buffer.putFloat(rows[at + i]);
        }
        return;
      }
      float largest = 0;
      for (int i = 0; i < width; i++) {
        largest = Math.max(largest, Math.abs(rows[at + i]));
      }
      float scale =
          largest == 0 || !Float.isFinite(largest)
              ? 1
              : Math.scalb(1f, Math.max(-100, Math.getExponent(largest)));
      buffer.putFloat(scale);
      for (int i = 0; i < width; i++) {
        buffer.putShort(Float.floatToFloat16(rows[at + i] / scale));
      }
    }

    /** Puts the complete file in place. */
    public void finish() {
      try {
        channel.force(false);
        channel.close();
        Files.move(unfinished, path, StandardCopyOption.REPLACE_EXISTING);
      } catch (IOException e) {
        throw failed("written", e);
      }
    }

    @Override
    public void close() {
      try {
        channel.close();
        Files.deleteIfExists(unfinished);
      } catch (IOException e) {
        throw failed("written", e);
      }
    }
  }
}
