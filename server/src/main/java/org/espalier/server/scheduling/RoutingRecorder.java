package org.espalier.server.scheduling;

import java.util.ArrayList;
import java.util.List;
import org.espalier.api.backend.Observer;
import org.espalier.api.model.ActivationSite;

/**
 * Notes which experts the rows of one pass used, where someone has asked for it. A model is opened
 * with it before there is a scheduler; both use it from the thread that runs the passes.
 */
public final class RoutingRecorder implements Observer {
  private final List<List<TokenRouting.Layer>> rows = new ArrayList<>();
  private boolean recording;

  /** Records nothing yet. */
  public RoutingRecorder() {}

  /** Says whether the next pass is to be recorded, and forgets the last. */
  void next(boolean record) {
    recording = record;
    rows.clear();
  }

  /** What a row of the last pass used. */
  List<TokenRouting.Layer> layers(int row) {
    return row < rows.size() ? List.copyOf(rows.get(row)) : List.of();
  }

  @Override
  public boolean wants(ActivationSite site) {
    return false;
  }

  @Override
  public boolean wantsRouting() {
    return recording;
  }

  @Override
  public void routed(int layer, int row, int[] experts, float[] weights) {
    while (rows.size() <= row) {
      rows.add(new ArrayList<>());
    }
    rows.get(row).add(new TokenRouting.Layer(layer, experts.clone(), weights.clone()));
  }
}
