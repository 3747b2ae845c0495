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
   * @param shrinkage tokens' worth of the token-weighted mean that is mixed into each of an
   *     expert's own
   * @throws InvalidRequest when no token reached a whole bank, or attention
   */
  public static void apply(
      Map<ActivationSite, Hessian> hessians, HessianPolicy policy, double shrinkage) {
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
    banks.values().forEach(bank -> combine(hessians, bank, policy, shrinkage));
  }

  private static void combine(
      Map<ActivationSite, Hessian> hessians,
      List<ActivationSite> bank,
      HessianPolicy policy,
      double shrinkage) {
    List<Hessian> reached = bank.stream().map(hessians::get).filter(h -> h.tokens() > 0).toList();
    if (policy == HessianPolicy.PER_EXPERT && shrinkage == 0 && reached.size() == bank.size()) {
      return;
    }
    requireReached(!reached.isEmpty(), bank.getFirst());
    boolean byTokens =
        policy == HessianPolicy.TOKEN_WEIGHTED
            || policy == HessianPolicy.PER_EXPERT && shrinkage > 0;
    FloatMatrix mean = mean(reached, byTokens);
    for (ActivationSite site : bank) {
      long own = hessians.get(site).tokens();
      if (own == 0 || policy != HessianPolicy.PER_EXPERT) {
        hessians.put(site, new Hessian(mean, own));
      } else if (shrinkage > 0) {
        FloatMatrix matrix = hessians.get(site).matrix();
        hessians.put(site, new Hessian(mixed(matrix, own, mean, shrinkage), own));
      }
    }
  }

  /** The mean of two matrices, each with its weight. */
  private static FloatMatrix mixed(FloatMatrix x, double xWeight, FloatMatrix y, double yWeight) {
    int n = x.columns();
    FloatMatrix mixed = FloatMatrix.zeros(n, n);
    for (int i = 0; i < n; i++) {
      for (int j = 0; j < n; j++) {
        double sum = xWeight * x.get(i, j) + yWeight * y.get(i, j);
        mixed.values()[i * n + j] = (float) (sum / (xWeight + yWeight));
      }
    }
    return mixed;
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
