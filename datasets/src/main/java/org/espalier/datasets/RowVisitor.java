package org.espalier.datasets;

/** Takes rows one after another. */
@FunctionalInterface
public interface RowVisitor {
  /**
   * Takes one.
   *
   * @return whether to go on
   */
  boolean visit(DataRow row);
}
