package org.espalier.runtime.generation;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.espalier.api.backend.Activations;
import org.espalier.api.backend.HostRows;
import org.espalier.api.backend.Rows;
import org.espalier.api.backend.Session;

/** A session whose likeliest token after position p is script[p]. Remembers what it was asked. */
final class ScriptedSession implements Session {
  record Pass(List<Integer> tokens, int wanted) {}

  final List<Pass> passes = new ArrayList<>();
  private final int contextLength;
  private final int vocabulary;
  private final int[] script;
  private int position;

  ScriptedSession(int contextLength, int vocabulary, int... script) {
    this.contextLength = contextLength;
    this.vocabulary = vocabulary;
    this.script = script;
  }

  @Override
  public int position() {
    return position;
  }

  @Override
  public int contextLength() {
    return contextLength;
  }

  @Override
  public void truncate(int position) {
    this.position = position;
  }

  @Override
  public Rows forward(Activations input, int wanted) {
    int[] ids = ((Activations.Tokens) input).ids();
    if (position + ids.length > contextLength) {
      throw new IllegalStateException("more positions than the context holds");
    }
    passes.add(new Pass(Arrays.stream(ids).boxed().toList(), wanted));
    position += ids.length;
    float[] rows = new float[wanted * vocabulary];
    for (int row = 0; row < wanted; row++) {
      int at = position - wanted + row;
      // The runner-up is the next token, for when the likeliest is forbidden.
      int likeliest = at < script.length ? script[at] : 0;
      rows[row * vocabulary + likeliest] = 8;
      rows[row * vocabulary + (likeliest + 1) % vocabulary] = 4;
    }
    return new HostRows(rows, 0, wanted, vocabulary);
  }

  @Override
  public void close() {}
}
