package org.espalier.runtime.quantisation.calibration;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.espalier.api.EspalierException.InvalidRequest;
import org.espalier.api.math.FloatMatrix;
import org.espalier.api.model.ActivationSite;

/** Chooses the Hessians of a layer's experts. */
public final class ExpertHessians {
  private ExpertHessians() {}

  /**
   * Replaces the experts' Hessians by those that a policy wants. An expert that no token reached
   * gets the mean over those that some reached.
   *
   * @param hessians of one layer, by site; changed
   * @throws InvalidRequest when no token reached a whole bank, or attention
   */
  public static void apply(Map<ActivationSite, Hessian> hessians, HessianPolicy policy) {
    Map<Class<?>, List<ActivationSite>> banks = new HashMap<>();
    hessians.forEach((site, hessian) -> {
      switch (site) {
        case ActivationSite.ExpertInput _, ActivationSite.ExpertHidden _ ->
            banks.computeIfAbsent(site.getClass(), _ -> new ArrayList<>()).add(site);
        case ActivationSite.AttentionInput _,
            ActivationSite.AttentionOutput _,
            ActivationSite.HeadInput _ ->
            requireReached(hessian.tokens() > 0, site);
      }
    });
    banks.values().forEach(bank -> combine(hessians, bank, policy));
  }

  private static void combine(
      Map<ActivationSite, Hessian> hessians, List<ActivationSite> bank, HessianPolicy policy) {
    List<Hessian> reached = bank.stream().map(hessians::get).filter(h -> h.tokens() > 0).toList();
    if (policy == HessianPolicy.PER_EXPERT && reached.size() == bank.size()) {
      return;
    }
    requireReached(!reached.isEmpty(), bank.getFirst());
    FloatMatrix mean = mean(reached, policy == HessianPolicy.TOKEN_WEIGHTED);
    for (ActivationSite site : bank) {
      long own = hessians.get(site).tokens();
      if (own == 0 || policy != HessianPolicy.PER_EXPERT) {
        hessians.put(site, new Hessian(mean, own));
      }
    }
  }

  private static FloatMatrix mean(List<Hessian> hessians, boolean byTokens) {
    double tokens = hessians.stream().mapToLong(Hessian::tokens).sum();
    int n = hessians.getFirst().matrix().columns();
    FloatMatrix mean = FloatMatrix.zeros(n, n);
    double[] row = new double[n];
    for (int i = 0; i < n; i++) {
      Arrays.fill(row, 0);
      for (Hessian hessian : hessians) {
        double share = byTokens ? hessian.tokens() / tokens : 1.0 / hessians.size();
        for (int j = 0; j < n; j++) {
          row[j] += share * hessian.matrix().get(i, j);
        }
      }
      for (int j = 0; j < n; j++) {
        mean.values()[i * n + j] = (float) row[j];
      }
    }
    return mean;
  }

  private static void requireReached(boolean reached, ActivationSite site) {
    if (!reached) {
      throw new InvalidRequest(
          "no token of the calibration reached %s: calibrate on more text".formatted(site));
    }
  }
}
