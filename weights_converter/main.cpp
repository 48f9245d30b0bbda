// g2face-convert: weights of others, looked at and converted.

#include <iostream>

#include "weights_converter/commands.hpp"

int main(int argc, char** argv) { return g2face::weights::run_program({argv + 1, argv + argc}, std::cout, std::cerr); }
