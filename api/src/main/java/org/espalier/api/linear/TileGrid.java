package org.espalier.api.linear;

/**
 * How a core matrix is cut into tiles.
 *
 * @param rows outputs per tile
 * @param columns inputs per tile
 */
public record TileGrid(int rows, int columns) {
  public TileGrid {
    if (rows < 1 || columns < 1) {
      throw new IllegalArgumentException("tiles must not be empty: " + rows + " × " + columns);
    }
  }

  /** Values per tile. */
  public int size() {
    return rows * columns;
  }
}
