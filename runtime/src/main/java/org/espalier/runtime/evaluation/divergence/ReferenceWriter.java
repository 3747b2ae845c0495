package org.espalier.runtime.evaluation.divergence;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.UUID;

/**
 * Saves a reference's predictions. The file grows under another name and takes its own when it is
 * complete; closing an unfinished writer removes it.
 */
final class ReferenceWriter implements AutoCloseable {
  private final Path target;
  private final Path unfinished;
  private final ReferenceHeader header;
  private final FileChannel channel;
  private final ByteBuffer buffer;

  ReferenceWriter(Path target, ReferenceHeader header) throws IOException {
    this.target = target;
    this.header = header;
    Path folder = target.toAbsolutePath().getParent();
    String name = target.getFileName() + "." + UUID.randomUUID() + ".part";
    unfinished = folder == null ? Path.of(name) : folder.resolve(name);
    channel = FileChannel.open(unfinished, StandardOpenOption.WRITE, StandardOpenOption.CREATE_NEW);
    int records = Math.max(1, (1 << 20) / header.recordBytes());
    buffer =
        ByteBuffer.allocate(Math.max(ReferenceHeader.BYTES, records * header.recordBytes()))
            .order(ByteOrder.LITTLE_ENDIAN);
    buffer.put(header.encode());
  }

  int topTokens() {
    return header.topTokens();
  }

  void write(TopTokens position) throws IOException {
    if (buffer.remaining() < header.recordBytes()) {
      flush();
    }
    put(position.tokens(), position.logProbabilities());
    put(position.drawn(), position.drawnLogProbabilities());
    buffer.putFloat(position.tail()).putFloat(position.target());
  }

  private void put(int[] tokens, float[] logProbabilities) {
    for (int token : tokens) {
      buffer.putInt(token);
    }
    for (float logProbability : logProbabilities) {
      buffer.putFloat(logProbability);
    }
  }

  private void flush() throws IOException {
    buffer.flip();
    while (buffer.hasRemaining()) {
      channel.write(buffer);
    }
    buffer.clear();
  }

  void finish() throws IOException {
    flush();
    channel.close();
    Files.move(unfinished, target, StandardCopyOption.REPLACE_EXISTING);
  }

  @Override
  public void close() throws IOException {
    channel.close();
    Files.deleteIfExists(unfinished);
  }
}
