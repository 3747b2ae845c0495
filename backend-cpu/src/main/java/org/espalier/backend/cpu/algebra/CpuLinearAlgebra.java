package org.espalier.backend.cpu.algebra;

import org.espalier.api.math.FloatMatrix;
import org.espalier.api.math.LinearAlgebra;
import org.espalier.api.math.Parallel;

/** Linear algebra with jdk.incubator.vector. */
public final class CpuLinearAlgebra implements LinearAlgebra {
  /** Found by the service loader. */
  public CpuLinearAlgebra() {}

  @Override
  public String name() {
    return "cpu";
  }

  @Override
  public int preference() {
    return 0;
  }

  @Override
  public void addProduct(FloatMatrix a, FloatMatrix b, FloatMatrix c, Parallel parallel) {
    require(
        a.columns() == b.rows() && a.rows() == c.rows() && b.columns() == c.columns(),
        "cannot add the product of %d × %d and %d × %d to %d × %d",
        a.rows(),
        a.columns(),
        b.rows(),
        b.columns(),
        c.rows(),
        c.columns());
    Product.add(a, b, c, parallel);
  }

  @Override
  public void addGram(FloatMatrix x, FloatMatrix g, Parallel parallel) {
    require(
        g.rows() == g.columns() && x.columns() == g.columns(),
        "cannot add the Gram matrix of %d columns to %d × %d",
        x.columns(),
        g.rows(),
        g.columns());
    Product.addGram(x, g, parallel);
  }

  @Override
  public void mirror(FloatMatrix g, Parallel parallel) {
    require(g.rows() == g.columns(), "%d × %d is not square", g.rows(), g.columns());
    Mirror.upwards(g, parallel);
  }

  @Override
  public void transformRows(FloatMatrix matrix, Parallel parallel) {
    require(
        Integer.bitCount(matrix.columns()) == 1,
        "%d columns are no power of two",
        matrix.columns());
    Transforms.rows(matrix, parallel);
  }

  @Override
  public void transformColumns(FloatMatrix matrix, Parallel parallel) {
    require(Integer.bitCount(matrix.rows()) == 1, "%d rows are no power of two", matrix.rows());
    Transforms.columns(matrix, parallel);
  }

  @Override
  public int cholesky(double[] values, int n, Parallel parallel) {
    require((long) n * n <= values.length, "%d × %d values are too few", n, n);
    return Cholesky.factor(values, n, parallel);
  }

  private static void require(boolean condition, String message, Object... arguments) {
    if (!condition) {
      throw new IllegalArgumentException(message.formatted(arguments));
    }
  }
}
