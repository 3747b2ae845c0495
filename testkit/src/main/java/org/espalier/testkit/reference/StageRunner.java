package org.espalier.testkit.reference;

/** Runs one stage. */
@FunctionalInterface
interface StageRunner {

  /**
   * From the rows that enter the stage to those that leave it; the former stay as they are.
   *
   * @param x one row of the residual stream per row of the pass
   */
  double[][] run(double[][] x, Pass pass);
}
