package org.espalier.runtime.evaluation.divergence;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import org.espalier.api.EspalierException.MalformedData;

/** Predictions from a file, in the order in which they were saved. */
final class SavedRows implements ReferenceRows {
  private final Path path;
  private final ReferenceHeader header;
  private final int commonTokens;
  private final FileChannel channel;
  private final ByteBuffer buffer;
  private final TopTokens[] slots;

  SavedRows(Path path, ReferenceHeader header, int commonTokens, int slots) throws IOException {
    this.path = path;
    this.header = header;
    this.commonTokens = commonTokens;
    this.channel = FileChannel.open(path).position(ReferenceHeader.BYTES);
    this.buffer = ByteBuffer.allocate(header.recordBytes()).order(ByteOrder.LITTLE_ENDIAN);
    this.slots = new TopTokens[slots];
  }

  @Override
  public int batch() {
    return Integer.MAX_VALUE;
  }

  @Override
  public void begin() {}

  @Override
  public void advance(int[] tokens) {}

  @Override
  public void load(int row, int slot) throws IOException {
    buffer.clear();
    while (buffer.hasRemaining()) {
      if (channel.read(buffer) < 0) {
        throw damaged();
      }
    }
    buffer.flip();
    slots[slot] =
        new TopTokens(
            tokens(header.topTokens()),
            numbers(header.topTokens()),
            tokens(TopTokens.DRAWN),
            numbers(TopTokens.DRAWN),
            buffer.getFloat(),
            buffer.getFloat());
  }

  private int[] tokens(int count) {
    int[] tokens = new int[count];
    for (int i = 0; i < count; i++) {
      tokens[i] = buffer.getInt();
      if (tokens[i] < 0 || tokens[i] >= commonTokens) {
        throw damaged();
      }
    }
    return tokens;
  }

  private float[] numbers(int count) {
    float[] numbers = new float[count];
    for (int i = 0; i < count; i++) {
      numbers[i] = buffer.getFloat();
    }
    return numbers;
  }

  private MalformedData damaged() {
    return new MalformedData(path + ": these saved predictions are damaged or incomplete");
  }

  @Override
  public Divergence divergence(int slot, float[] logits, int position, int target) {
    return slots[slot].divergence(logits, commonTokens, target);
  }

  @Override
  public void compared(int count) {}

  @Override
  public void close() throws IOException {
    channel.close();
  }
}
