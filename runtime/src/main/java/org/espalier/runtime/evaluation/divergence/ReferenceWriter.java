package org.espalier.runtime.evaluation.divergence;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;

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
    unfinished = Files.createTempFile(folder, target.getFileName().toString(), ".part");
    channel = FileChannel.open(unfinished, StandardOpenOption.WRITE);
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
    for (int token : position.tokens()) {
      buffer.putInt(token);
    }
    for (float logProbability : position.logProbabilities()) {
      buffer.putFloat(logProbability);
    }
    buffer.putFloat(position.tail()).putFloat(position.target());
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
