package org.espalier.runtime.evaluation.routing;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.espalier.api.backend.Observer;
import org.espalier.api.model.ActivationSite;

/** Listens to a model's routing. A model is opened with it, then measured with it. */
public final class RoutingObserver implements Observer {
  private final Map<Integer, List<Choice>> pass = new TreeMap<>();

  /** One that has heard nothing yet. */
  public RoutingObserver() {}

  /**
   * One token's experts in a layer.
   *
   * @param experts by descending weight
   */
  record Choice(int[] experts, float[] weights) {}

  @Override
  public boolean wants(ActivationSite site) {
    return false;
  }

  @Override
  public boolean wantsRouting() {
    return true;
  }

  @Override
  public void routed(int layer, int row, int[] experts, float[] weights) {
    pass.computeIfAbsent(layer, l -> new ArrayList<>())
        .add(new Choice(experts.clone(), weights.clone()));
  }

  /** What was heard since the last call: the choices of each layer, by position. */
  Map<Integer, List<Choice>> take() {
    Map<Integer, List<Choice>> heard = new TreeMap<>(pass);
    pass.clear();
    return heard;
  }
}
