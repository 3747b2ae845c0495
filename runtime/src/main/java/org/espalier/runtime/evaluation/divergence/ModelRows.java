package org.espalier.runtime.evaluation.divergence;

import java.io.IOException;
import java.util.Optional;
import org.espalier.api.backend.Activations.Tokens;
import org.espalier.api.backend.Rows;
import org.espalier.api.backend.Session;
import org.espalier.runtime.Model;
import org.jspecify.annotations.Nullable;

/** Predictions as a model makes them; may also save them. */
final class ModelRows implements ReferenceRows {
  private final Model model;
  private final int commonTokens;
  private final Session session;
  private final Optional<ReferenceWriter> writer;
  private final float[][] slots;
  private final TopTokens[] shortened;
  private @Nullable Rows rows;

  ModelRows(
      Model model, int commonTokens, int window, int slots, Optional<ReferenceWriter> writer) {
    this.model = model;
    this.commonTokens = commonTokens;
    this.session = model.newSession(window);
    this.writer = writer;
    this.slots = new float[slots][model.plan().vocabulary()];
    this.shortened = new TopTokens[slots];
  }

  @Override
  public int batch() {
    return model.batch();
  }

  @Override
  public void begin() {
    session.truncate(0);
  }

  @Override
  public void advance(int[] tokens) {
    rows = session.forward(new Tokens(tokens), tokens.length);
  }

  @Override
  public void load(int row, int slot) {
    Rows current = rows;
    if (current == null) {
      throw new IllegalStateException("nothing was computed yet");
    }
    current.read(row, slots[slot], 0);
  }

  @Override
  public Divergence divergence(int slot, float[] logits, int position, int target) {
    if (writer.isPresent()) {
      shortened[slot] =
          TopTokens.of(slots[slot], commonTokens, writer.get().topTokens(), target, position);
    }
    return Divergence.of(slots[slot], logits, commonTokens, target);
  }

  @Override
  public void compared(int count) throws IOException {
    if (writer.isPresent()) {
      for (int slot = 0; slot < count; slot++) {
        writer.get().write(shortened[slot]);
      }
    }
  }

  @Override
  public void close() {
    session.close();
  }
}
