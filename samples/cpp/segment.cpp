// Labels of an image by a model that segfit exported:  segment segment.onnx image.ppm labels.pgm
//
// Images are binary PPM, which needs no library to read: magick photo.jpg -depth 8 image.ppm
#include <onnxruntime_cxx_api.h>

#include <array>
#include <cstdint>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <stdexcept>
#include <string>
#include <vector>

struct Image {
    int64_t height = 0, width = 0;
    std::vector<uint8_t> levels;  // height × width × 3, rows from the top
};

Image read_ppm(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    std::string kind;
    Image image;
    int largest = 0;
    file >> kind >> image.width >> image.height >> largest;
    if (!file || kind != "P6" || largest != 255 || image.width < 8 || image.height < 8)
        throw std::runtime_error(path + " is not a binary PPM of 8 bits and sides of 8 px or more");
    file.get();  // the one character before the levels
    image.levels.resize(image.height * image.width * 3);
    file.read(reinterpret_cast<char*>(image.levels.data()), image.levels.size());
    if (!file) throw std::runtime_error(path + " is shorter than it says");
    return image;
}

int main(int count, char** arguments) try {
    if (count != 4) throw std::runtime_error("usage: segment segment.onnx image.ppm labels.pgm");
    Image image = read_ppm(arguments[2]);

    Ort::Env env;
    Ort::Session session(env, std::filesystem::path(arguments[1]).c_str(), Ort::SessionOptions());
    auto memory = Ort::MemoryInfo::CreateCpu(OrtArenaAllocator, OrtMemTypeDefault);
    std::array<int64_t, 3> shape = {image.height, image.width, 3};
    auto input = Ort::Value::CreateTensor<uint8_t>(memory, image.levels.data(), image.levels.size(),
                                                   shape.data(), shape.size());
    const char *given[] = {"image"}, *wanted[] = {"labels"};  // or "scores", see README.md beside it
    auto outputs = session.Run(Ort::RunOptions(), given, &input, 1, wanted, 1);

    const uint8_t* labels = outputs[0].GetTensorData<uint8_t>();
    std::ofstream file(arguments[3], std::ios::binary);
    file << "P5\n" << image.width << " " << image.height << "\n255\n";
    file.write(reinterpret_cast<const char*>(labels), image.height * image.width);
    if (!file.flush()) throw std::runtime_error(std::string(arguments[3]) + " cannot be written");
} catch (const std::exception& error) {
    std::cerr << "segment: " << error.what() << "\n";
    return 1;
}
