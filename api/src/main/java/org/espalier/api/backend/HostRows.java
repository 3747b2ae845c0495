package org.espalier.api.backend;

/**
 * Rows in an array of the host.
 *
 * @param values row after row
 * @param offset of the first value
 * @param count rows
 * @param width values per row
 */
public record HostRows(float[] values, int offset, int count, int width) implements Rows {
  @Override
  public void read(int row, float[] target, int targetOffset) {
    java.util.Objects.checkIndex(row, count);
    System.arraycopy(values, offset + row * width, target, targetOffset, width);
  }
}
