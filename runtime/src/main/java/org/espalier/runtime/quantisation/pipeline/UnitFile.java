package org.espalier.runtime.quantisation.pipeline;

import java.io.ByteArrayOutputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Optional;
import java.util.zip.CRC32C;
import org.espalier.api.EspalierException.DeviceFailure;
import org.espalier.runtime.quantisation.QuantizedMatrix;

/**
 * The result of one unit of work in a file of its own: a check sum, then what the report and the
 * model file need. It appears under its name when it is complete.
 */
final class UnitFile {
  private static final long MAGIC = 0x4553_5055_4e49_5431L; // ESPUNIT1
  private static final int HEADER = 2 * Long.BYTES;
  private static final int FIELDS = Long.BYTES + Float.BYTES + 3 * Double.BYTES;

  private UnitFile() {}

  /**
   * What a file holds.
   *
   * @param tokens that reached the matrix
   */
  record Result(QuantizedMatrix matrix, long tokens) {}

  static void write(Path path, Result result) {
    Path unfinished = path.resolveSibling(path.getFileName() + ".part");
    try {
      ByteArrayOutputStream body = new ByteArrayOutputStream();
      DataOutputStream out = new DataOutputStream(body);
      QuantizedMatrix matrix = result.matrix();
      out.writeLong(result.tokens());
      out.writeFloat(matrix.scale());
      out.writeDouble(matrix.proxyLoss());
      out.writeDouble(matrix.proxyEnergy());
      out.writeDouble(matrix.relativeError());
      out.write(matrix.codes());
      byte[] bytes = body.toByteArray();
      ByteBuffer file = ByteBuffer.allocate(HEADER + bytes.length);
      file.putLong(MAGIC).putLong(checksum(bytes, 0)).put(bytes);
      Files.write(unfinished, file.array());
      Files.move(unfinished, path, StandardCopyOption.ATOMIC_MOVE);
    } catch (IOException e) {
      throw new DeviceFailure(
          "%s could not be written (%s); finished work is kept, and --resume goes on from there"
              .formatted(path, e.getMessage()),
          e);
    }
  }

  /**
   * Reads a file.
   *
   * @param codeBytes that it must have
   * @return empty when there is none, or it is damaged
   */
  static Optional<Result> read(Path path, int codeBytes) {
    byte[] bytes;
    try {
      bytes = Files.readAllBytes(path);
    } catch (NoSuchFileException _) {
      return Optional.empty();
    } catch (IOException e) {
      throw new DeviceFailure("%s cannot be read (%s)".formatted(path, e.getMessage()), e);
    }
    ByteBuffer file = ByteBuffer.wrap(bytes);
    if (bytes.length != HEADER + FIELDS + codeBytes
        || file.getLong() != MAGIC
        || file.getLong() != checksum(bytes, HEADER)) {
      return Optional.empty();
    }
    long tokens = file.getLong();
    float scale = file.getFloat();
    double loss = file.getDouble();
    double energy = file.getDouble();
    double error = file.getDouble();
    byte[] codes = new byte[codeBytes];
    file.get(codes);
    return Optional.of(new Result(new QuantizedMatrix(codes, scale, loss, energy, error), tokens));
  }

  private static long checksum(byte[] bytes, int from) {
    CRC32C checksum = new CRC32C();
    checksum.update(bytes, from, bytes.length - from);
    return checksum.getValue();
  }
}
