package org.espalier.backend.offload;

import org.espalier.api.backend.Observer;
import org.espalier.api.model.ActivationSite;
import org.espalier.backend.offload.placement.UseCounts;

/**
 * Counts uses of experts, and tells another observer what it wants to know.
 *
 * @param other who was to observe
 */
record CountingObserver(Observer other, UseCounts counts) implements Observer {
  @Override
  public boolean wants(ActivationSite site) {
    return other.wants(site);
  }

  @Override
  public boolean wantsRouting() {
    return true;
  }

  @Override
  public void rows(
      ActivationSite site, float[] values, int offset, int count, int width, float[] gates) {
    other.rows(site, values, offset, count, width, gates);
  }

  @Override
  public void routed(int layer, int row, int[] experts, float[] weights) {
    for (int expert : experts) {
      counts.add(layer, expert);
    }
    if (other.wantsRouting()) {
      other.routed(layer, row, experts, weights);
    }
  }
}
