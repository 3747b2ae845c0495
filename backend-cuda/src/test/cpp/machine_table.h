// Every kernel by name, with the size of its parameters.
#pragma once

struct Entry {
  const char* name;
  int bytes;
  void (*call)(const void* parameters);
};

const Entry* find_entry(const char* name);
void run_grid(const Entry* entry, Index grid, int threads, const void* parameters, bool backwards);
