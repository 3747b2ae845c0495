package org.espalier.runtime.quantisation;

import java.util.Arrays;
import java.util.Optional;
import org.espalier.api.EspalierException.MalformedModel;
import org.espalier.api.codec.BlockQuantizer;
import org.espalier.api.math.FloatMatrix;
import org.espalier.api.math.LinearAlgebra;
import org.espalier.api.math.Parallel;

/**
 * LDLQ without rotations: rounds the rows of a matrix to blocks, from the last row and block to the
 * first, so that the errors of finished blocks are made up for in the others. What {@link
 * MatrixQuantizer} does with tiles, this does with blocks of a single row.
 *
 * <p>Safe to call from many threads at once.
 */
public final class BlockMatrixQuantizer {
  private final BlockQuantizer blocks;
  private final LinearAlgebra algebra;

  /** A quantiser. */
  public BlockMatrixQuantizer(BlockQuantizer blocks, LinearAlgebra algebra) {
    this.blocks = blocks;
    this.algebra = algebra;
  }

  /**
   * How errors count.
   *
   * @param inputs second moment of the inputs, n × n
   * @param inputDamping share of the mean of its diagonal that is added to it
   * @param outputs the same of the outputs, m × m; empty: all count alike
   * @param outputDamping of that
   */
  public record Moments(
      FloatMatrix inputs,
      double inputDamping,
      Optional<FloatMatrix> outputs,
      double outputDamping) {}

  /**
   * Quantises one matrix.
   *
   * @param name for messages
   * @param weights m × n, n a multiple of the block's size; left as they are
   * @return its codes are the blocks as they stand in a file, its scale is 1
   * @throws MalformedModel when a weight is not finite
   */
  public QuantizedMatrix quantize(String name, FloatMatrix weights, Moments moments) {
    int m = weights.rows();
    int n = weights.columns();
    int size = blocks.size();
    if (moments.inputs().columns() != n
        || n % size != 0
        || moments.outputs().map(outputs -> outputs.columns() != m).orElse(false)) {
      throw new IllegalArgumentException(
          "%s (%d × %d) goes neither with its moments nor with blocks of %d"
              .formatted(name, m, n, size));
    }
    requireFinite(name, weights);
    UnrotatedFactor inputs =
        UnrotatedFactor.of(name, moments.inputs(), size, moments.inputDamping(), algebra);
    Optional<FloatMatrix> across =
        moments
            .outputs()
            .map(outputs ->
                UnrotatedFactor.of(name, outputs, 1, moments.outputDamping(), algebra).feedback());
    BlockQuantizer.Rounding[] roundings = new BlockQuantizer.Rounding[n / size];
    Arrays.setAll(roundings, index -> blocks.rounding(inputs.metric(index)));
    byte[] codes = new byte[Math.multiplyExact(m * roundings.length, blocks.bytes())];
    FloatMatrix errors = FloatMatrix.zeros(m, n);
    float[] values = new float[n];
    for (int row = m - 1; row >= 0; row--) {
      float[] target = new float[n];
      System.arraycopy(weights.values(), weights.row(row), target, 0, n);
      for (int other = row + 1; across.isPresent() && other < m; other++) {
        add(across.get().get(other, row), errors, other, target, n);
      }
      round(target, inputs.feedback(), roundings, codes, row, values);
      for (int j = 0; j < n; j++) {
        errors.values()[row * n + j] = weights.get(row, j) - values[j];
      }
    }
    double energy = product(weights, weights);
    return new QuantizedMatrix(
        codes,
        1,
        weighted(errors, moments.inputs()) / m,
        weighted(weights, moments.inputs()) / m,
        energy == 0 ? 0 : product(errors, errors) / energy);
  }

  /** One row, block by block. */
  private void round(
      float[] target,
      FloatMatrix feedback,
      BlockQuantizer.Rounding[] roundings,
      byte[] codes,
      int row,
      float[] values) {
    float[] aims = target.clone();
    for (int index = roundings.length - 1; index >= 0; index--) {
      int first = index * blocks.size();
      int at = (row * roundings.length + index) * blocks.bytes();
      roundings[index].round(aims, first, codes, at, values);
      for (int j = first; j < first + blocks.size(); j++) {
        add(target[j] - values[j], feedback, j, aims, first);
      }
    }
  }

  /** Adds a multiple of the beginning of a row. */
  private static void add(float factor, FloatMatrix matrix, int row, float[] target, int count) {
    float[] values = matrix.values();
    int from = matrix.row(row);
    for (int j = 0; j < count; j++) {
      target[j] += factor * values[from + j];
    }
  }

  private static void requireFinite(String name, FloatMatrix weights) {
    for (int i = 0; i < weights.rows(); i++) {
      for (int j = 0; j < weights.columns(); j++) {
        if (!Float.isFinite(weights.get(i, j))) {
          throw new MalformedModel(
              "a weight of %s is %s (row %d, column %d): it cannot be quantised; the checkpoint may be damaged"
                  .formatted(name, weights.get(i, j), i, j));
        }
      }
    }
  }

  /** tr(X H Xᵀ). */
  private double weighted(FloatMatrix x, FloatMatrix h) {
    FloatMatrix products = FloatMatrix.zeros(x.rows(), x.columns());
    algebra.addProduct(x, h, products, Parallel.SERIAL);
    return product(products, x);
  }

  private static double product(FloatMatrix x, FloatMatrix y) {
    double sum = 0;
    for (int i = 0; i < x.rows(); i++) {
      for (int j = 0; j < x.columns(); j++) {
        sum += (double) x.get(i, j) * y.get(i, j);
      }
    }
    return sum;
  }
}
