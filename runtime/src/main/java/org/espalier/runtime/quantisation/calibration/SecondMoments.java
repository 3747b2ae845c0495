package org.espalier.runtime.quantisation.calibration;

import java.util.LinkedHashMap;
import java.util.Map;
import org.espalier.api.backend.Observer;
import org.espalier.api.math.FloatMatrix;
import org.espalier.api.math.LinearAlgebra;
import org.espalier.api.math.Parallel;
import org.espalier.api.model.ActivationSite;

/**
 * Adds up x xᵀ over all rows of some sites as they pass.
 *
 * <p>Rows of one call are summed in fused F32 chains and added to F32 totals. After N calls the
 * rounding of an entry is at most N · 2⁻²⁴ of the sum of its absolute terms: 6 · 10⁻⁵ for a
 * thousand calls, far below the damping of 10⁻² that a Hessian gets.
 */
public final class SecondMoments implements Observer {
  private final LinearAlgebra algebra;
  private final Parallel parallel;
  private final boolean gated;
  private final Map<ActivationSite, Sum> sums = new LinkedHashMap<>();

  /**
   * Zeros.
   *
   * @param widths of the rows of each site that is wanted
   * @param gated whether rows of experts count by the squares of their gates: an error of an expert
   *     reaches the residual stream multiplied by the gate
   */
  public SecondMoments(
      Map<ActivationSite, Integer> widths,
      boolean gated,
      LinearAlgebra algebra,
      Parallel parallel) {
    this.gated = gated;
    this.algebra = algebra;
    this.parallel = parallel;
    widths.forEach((site, width) -> sums.put(site, new Sum(FloatMatrix.zeros(width, width))));
  }

  @Override
  public boolean wants(ActivationSite site) {
    return sums.containsKey(site);
  }

  @Override
  public boolean wantsRouting() {
    return false;
  }

  @Override
  public void rows(
      ActivationSite site, float[] values, int offset, int count, int width, float[] gates) {
    Sum sum = sums.get(site);
    if (sum != null && count > 0) {
      FloatMatrix rows = new FloatMatrix(values, offset, count, width, width);
      double weight = count;
      if (gated && gates.length > 0) {
        weight = 0;
        for (int i = 0; i < count; i++) {
          weight += (double) gates[i] * gates[i];
        }
        rows = multiplied(rows, gates);
      }
      algebra.addGram(rows, sum.matrix, parallel);
      sum.rows += count;
      sum.weight += weight;
    }
  }

  private static FloatMatrix multiplied(FloatMatrix rows, float[] factors) {
    FloatMatrix products = FloatMatrix.zeros(rows.rows(), rows.columns());
    for (int i = 0; i < rows.rows(); i++) {
      for (int j = 0; j < rows.columns(); j++) {
        products.values()[i * rows.columns() + j] = factors[i] * rows.get(i, j);
      }
    }
    return products;
  }

  /** Turns sums into means; the sums are used up. A site that saw no row has zeros. */
  public Map<ActivationSite, Hessian> means() {
    Map<ActivationSite, Hessian> means = new LinkedHashMap<>();
    sums.forEach((site, sum) -> {
      algebra.mirror(sum.matrix, parallel);
      sum.scale(sum.weight == 0 ? 0 : 1 / sum.weight);
      means.put(site, new Hessian(sum.matrix, sum.rows));
    });
    sums.clear();
    return means;
  }

  /** One site's. */
  private static final class Sum {
    private final FloatMatrix matrix;
    private long rows;

    /** Rows, or the sum of their squared gates. */
    private double weight;

    Sum(FloatMatrix matrix) {
      this.matrix = matrix;
    }

    void scale(double factor) {
      float[] values = matrix.values();
      for (int i = 0; i < values.length; i++) {
        values[i] = (float) (values[i] * factor);
      }
    }
  }
}
