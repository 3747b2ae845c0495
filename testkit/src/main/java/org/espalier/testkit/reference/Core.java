package org.espalier.testkit.reference;

import java.util.Arrays;
import org.espalier.api.linear.EncodedLinear;
import org.espalier.api.linear.LinearForm;
import org.espalier.testkit.number.Elements;

/**
 * The stored matrices of a bank, without their rotations, as bands: a row of a dense matrix, or a
 * row of tiles laid out as a matrix of its own.
 */
final class Core {
  private final EncodedLinear linear;
  private final int rowsPerBand;
  private final int bandsPerExpert;

  /** Decoded bands by expert and index, null where not decoded yet; empty where none is kept. */
  private final float[][] kept;

  private float[] lastBand = new float[0];
  private int lastIndex = -1;

  /**
   * @param keep whether decoded bands stay in memory
   */
  Core(EncodedLinear linear, boolean keep) {
    this.linear = linear;
    this.rowsPerBand =
        switch (linear.form()) {
          case LinearForm.Dense _ -> 1;
          case LinearForm.Tiled tiled -> tiled.grid().rows();
        };
    this.bandsPerExpert = linear.shape().outputs() / rowsPerBand;
    this.kept = new float[keep ? linear.shape().experts() * bandsPerExpert : 0][];
  }

  /** C x. */
  double[] multiply(int expert, double[] x) {
    double[] y = new double[linear.shape().outputs()];
    for (int row = 0; row < y.length; row++) {
      float[] band = band(expert, row / rowsPerBand);
      int start = row % rowsPerBand * x.length;
      for (int column = 0; column < x.length; column++) {
        y[row] += band[start + column] * x[column];
      }
    }
    return y;
  }

  /** Cᵀ y. */
  double[] multiplyTransposed(int expert, double[] y) {
    double[] x = new double[linear.shape().inputs()];
    for (int row = 0; row < y.length; row++) {
      float[] band = band(expert, row / rowsPerBand);
      int start = row % rowsPerBand * x.length;
      for (int column = 0; column < x.length; column++) {
        x[column] += band[start + column] * y[row];
      }
    }
    return x;
  }

  /** One row of C. */
  double[] row(int expert, int row) {
    float[] band = band(expert, row / rowsPerBand);
    double[] values = new double[linear.shape().inputs()];
    for (int column = 0; column < values.length; column++) {
      values[column] = band[row % rowsPerBand * values.length + column];
    }
    return values;
  }

  private float[] band(int expert, int band) {
    int index = expert * bandsPerExpert + band;
    if (kept.length > 0 && kept[index] != null) {
      return kept[index];
    }
    if (lastIndex != index) {
      lastBand = decode(expert, band);
      lastIndex = index;
    }
    if (kept.length > 0) {
      kept[index] = lastBand;
    }
    return lastBand;
  }

  private float[] decode(int expert, int band) {
    int inputs = linear.shape().inputs();
    float[] values = new float[rowsPerBand * inputs];
    switch (linear.form()) {
      case LinearForm.Dense dense -> {
        long first = (long) band * inputs;
        for (int i = 0; i < inputs; i++) {
          values[i] = Elements.read(dense.matrices().get(expert), dense.element(), first + i);
        }
      }
      case LinearForm.Tiled tiled -> {
        int columns = tiled.grid().columns();
        float[] tiles = new float[values.length];
        tiled.core().decode(expert, band, 0, inputs / columns, tiles, 0);
        for (int row = 0; row < rowsPerBand; row++) {
          for (int column = 0; column < inputs; column++) {
            int tile = column / columns * tiled.grid().size();
            values[row * inputs + column] = tiles[tile + row * columns + column % columns];
          }
        }
      }
    }
    return values;
  }

  /** Forgets what it has decoded. */
  void forget() {
    lastIndex = -1;
    Arrays.fill(kept, null);
  }
}
